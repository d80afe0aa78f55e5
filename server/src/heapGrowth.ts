/**
 * A flag of V8, for all threads of the process. Files and tiles pass through as buffers outside of the heap; V8 lets
 * such garbage grow in proportion to the heap alone, which is small here, so that every image of 2048² set off three
 * collections of everything, a third of the server's processor time.
 */
export const heapGrowth = "--heap-growing-percent=300";
