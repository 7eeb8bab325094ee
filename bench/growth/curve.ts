/** What a curve is: something that grows (x), ways to look at it (series), and what is measured at each point. @module */

/** By name, as the charts and the JSON have them: the unit is the end of the name. */
export type Figures = Readonly<Record<string, number | undefined>>;

export interface CurveChart {
  /** Part of the file's name; "" where a curve has one chart only. */
  readonly id: string;
  readonly title: string;
  /** Which of the figures. */
  readonly figure: string;
  readonly y: string;
  readonly isLog?: boolean;
  /** Only these series; left out: all. */
  readonly series?: readonly string[];
}

export interface PointSetting {
  readonly series: string;
  readonly x: number;
  /** Of each look; several make a point. */
  readonly sliceSeconds: number;
  readonly slices: number;
  readonly warmUpSeconds: number;
  /** As small as it can be: whether everything is delivered is all that counts. */
  readonly isTiny: boolean;
  /** The broker's; undefined: any. */
  readonly brokerCore: number | undefined;
}

export interface Curve {
  readonly id: string;
  readonly title: string;
  /** What grows. */
  readonly x: string;
  /** For people: what is measured, and why the line is as it is. */
  readonly about: string;
  readonly series: readonly string[];
  /** Ascending. */
  readonly points: readonly number[];
  readonly tinyPoint: number;
  readonly charts: readonly CurveChart[];
  measure(setting: PointSetting): Promise<PointResult>;
}

export interface PointResult {
  readonly figures: Figures;
  readonly verified: number;
  readonly problems: readonly string[];
}

export interface MeasuredPoint extends PointResult {
  readonly series: string;
  readonly x: number;
}

export interface MeasuredCurve {
  readonly id: string;
  /** What it was measured on, in words. */
  readonly machine: string;
  readonly measuredAt: string;
  readonly points: readonly MeasuredPoint[];
}
