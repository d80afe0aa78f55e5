/** The platform's version: in the Software tag of every result, in `/ping`, in the OpenAPI document. */
export const version = "0.1.0";

/** The version of the stack outputs and routes that other teams rely on. */
export const contractVersion = "1";
