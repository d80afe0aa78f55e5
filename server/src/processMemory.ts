/*
 * How a process of the server is started so that it spends little on memory and its memory stays level. Files and tiles
 * pass through as buffers outside of V8's heap, megabytes each, in several threads.
 */

/** Node's own arguments, for all threads. */
export const nodeArguments: readonly string[] = [
  // V8 lets garbage outside of the heap grow in proportion to the heap alone, which is small here: every image of 2048²
  // set off three collections of everything, a third of the server's processor time.
  "--heap-growing-percent=300",
  // MiB for what is young, in each thread: V8 24 would double it under load, and again.
  "--max-semi-space-size=16",
];

/** For glibc, which would let each thread keep regions of its own, and in them whatever was freed between two buffers. */
export const environment: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "2" };
