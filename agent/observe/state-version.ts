/** Which form the rows of the state have. Another number is not read back, but counted. */
export const STATE_VERSION = 1;
