/** How a figure grows: the exponent of the power that fits its points best. 0: not at all; 1: as what it is measured against;
 * 2: with its square. @module */

export type Points = readonly (readonly [x: number, y: number])[];

export interface Growth {
  /** Of the straight line through the points on logarithmic axes, by least squares. */
  readonly exponent: number;
  /** The steepest step between two neighbours that are at least a factor of two apart: a curve that bends up late shows
   * here. */
  readonly steepest: number;
  /** The last figure by the first. */
  readonly times: number;
}

/** @returns undefined of less than two points. */
export function growthOf(points: Points): Growth | undefined {
  if (points.length < 2) return undefined;
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)]);
  const mean = (axis: number) => logs.reduce((sum, log) => sum + log[axis], 0) / logs.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const over = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const under = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const steps = logs.slice(1).flatMap(([x, y], index) => {
    const [fromX, fromY] = logs[index];
    return x - fromX >= Math.LN2 ? [(y - fromY) / (x - fromX)] : [];
  });
  return {
    exponent: over / under,
    steepest: Math.max(...steps),
    times: points[points.length - 1][1] / points[0][1],
  };
}

/** In a word, by the exponent. */
export function wordOf({ exponent }: Growth): string {
  if (exponent < 0.03) return "does not grow";
  if (exponent < 0.9) return "grows more slowly";
  if (exponent <= 1.1) return "grows in proportion";
  return "grows FASTER than in proportion";
}
