import type * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

/** Percent of the budget, spent or foreseen, at which mails go out. */
const notices = [
  { notificationType: "ACTUAL", threshold: 80 },
  { notificationType: "ACTUAL", threshold: 100 },
  { notificationType: "FORECASTED", threshold: 100 },
] as const;

/**
 * The whole account's spending against a monthly limit. Not filtered by the stack's tag: AWS counts a tag only once somebody
 * has activated it for billing, and until then such a budget reads 0 and never warns. Stacks that share an account share
 * its bill; a budget that hears of too much is the lesser evil.
 * Source: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
 */
export const budgetArgs = (
  accountId: pulumi.Input<string>,
  monthlyUsd: number,
  emails: readonly string[],
): aws.budgets.BudgetArgs => ({
  budgetType: "COST",
  timeUnit: "MONTHLY",
  limitAmount: `${monthlyUsd}.0`,
  limitUnit: "USD",
  // In an organization's first account the budget would count all the others too.
  costFilters: [{ name: "LinkedAccount", values: [accountId] }],
  // A notification without a subscriber is refused.
  notifications:
    emails.length === 0
      ? []
      : notices.map((notice) => ({
          ...notice,
          comparisonOperator: "GREATER_THAN",
          thresholdType: "PERCENTAGE",
          subscriberEmailAddresses: [...emails],
        })),
});
