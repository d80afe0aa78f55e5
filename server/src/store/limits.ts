/**
 * Bytes that S3 takes in one PUT.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
 */
export const maxPutBytes = 5 * 1024 ** 3;
