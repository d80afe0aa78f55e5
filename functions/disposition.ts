/**
 * The `Content-Disposition` that saves a download under the file's own name, whatever its script.
 * Source: RFC 6266 §4.3 and RFC 8187 §3.2; a key has neither quotes nor backslashes.
 */
export const attachment = (key: string): string => {
  const name = key.slice(key.lastIndexOf("/") + 1);
  const ascii = name.replace(/[^\x20-\x7e]/gu, "_");
  if (ascii === name) return `attachment; filename="${name}"`;
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
};
