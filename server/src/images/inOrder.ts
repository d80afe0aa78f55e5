/** Makes a few things at once but hands them on strictly in order; the first failure ends it once nothing is under way. */
export const inOrder = async <Item, Made>(
  items: Iterable<Item>,
  atOnce: number,
  make: (item: Item) => Promise<Made>,
  handOn: (made: Made, item: Item) => Promise<void>,
): Promise<void> => {
  const underWay: { readonly item: Item; readonly made: Promise<Made> }[] = [];
  const handOnFirst = async () => {
    const first = underWay[0];
    if (first === undefined) return;
    await handOn(await first.made, first.item);
    underWay.shift();
  };
  try {
    for (const item of items) {
      const made = make(item);
      made.catch(() => {}); // Awaited below, perhaps only after another one failed.
      underWay.push({ item, made });
      if (underWay.length >= atOnce) await handOnFirst();
    }
    while (underWay.length > 0) await handOnFirst();
  } finally {
    await Promise.allSettled(underWay.map(({ made }) => made));
  }
};
