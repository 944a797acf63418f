/** Policies of users to start from. */

export interface Example {
  id: 'site' | 'thing' | 'watch';
  document: object;
}

/** With the names of a region and an account in the ARNs. */
export function examples(region: string, account: string): Example[] {
  const arn = (what: string) => `arn:aws:iot:${region}:${account}:${what}`;
  const allow = (Action: string[], Resource: string | string[], more: object = {}) => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action, Resource, ...more }],
  });
  const reach = ['iot:OpenTunnel', 'iot:RotateTunnelAccessToken'];
  return [
    {
      id: 'site',
      document: allow(reach, '*', {
        Condition: { 'ForAnyValue:StringEquals': { 'iot:ThingGroupArn': arn('thinggroup/site-7') } },
      }),
    },
    { id: 'thing', document: allow(reach, [arn('tunnel/*'), arn('thing/lamp-1')]) },
    {
      id: 'watch',
      document: allow(['iot:ListTunnels', 'iot:DescribeTunnel', 'iot:ListThings', 'iot:DescribeThing', 'iot:GetThingConnectivityData'], '*'),
    },
  ];
}
