/** Where things listen. Of the task's own ports only `api` is opened, to the load balancer. */
export const ports = { loadBalancer: 80, api: 50101, tritonHttp: 50201, tritonGrpc: 58202 } as const;
