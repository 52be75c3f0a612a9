/** The longest body of a request, in bytes. */
export const bodyLimit = 1024 * 1024;
