export interface Throttling {
  /** Requests a second, on the average. */
  readonly rate: number;
  /** Requests at once. */
  readonly burst: number;
}

/**
 * A token bucket, full at first: each call takes one token and says whether there was one.
 * Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
 * @param now a clock in milliseconds
 */
export const createThrottle = ({ rate, burst }: Throttling, now: () => number): (() => boolean) => {
  let tokens = burst;
  let filledAt = now();
  return () => {
    const at = now();
    tokens = Math.min(burst, tokens + ((at - filledAt) / 1000) * rate);
    filledAt = at;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
};
