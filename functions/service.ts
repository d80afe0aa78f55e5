import { GetObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { jobTimes, type ServiceRecord, serviceKeyPrefix } from "../contract/job";

/** Every server that reported lately: its record, not older than 90 s. */
export const freshServices = async (
  s3: S3Client,
  bucket: string,
  abortSignal: AbortSignal,
): Promise<readonly ServiceRecord[]> => {
  const oldest = Date.now() - jobTimes.serviceRecordFreshSeconds * 1000;
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: serviceKeyPrefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
      { abortSignal },
    );
    for (const { Key, LastModified } of page.Contents ?? []) {
      if (Key !== undefined && LastModified !== undefined && LastModified.getTime() >= oldest) keys.push(Key);
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return Promise.all(
    keys.map(async (key) => {
      const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal });
      return JSON.parse((await object.Body?.transformToString()) ?? "") as ServiceRecord;
    }),
  );
};
