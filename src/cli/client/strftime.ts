/** strftime(3) in the C locale, one conversion at a time: what `@` in a format string asks for. ISO/IEC 9945, and the
 * extensions of glibc (`k l P s`). Room: pure; the time zone is the process's. @module */

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"],
  "December",
];
const DAY_MS = 86_400_000;

/** @param conversion the letter behind the percent sign. One that is none yields itself with its sign, as in glibc. */
export function strftime(conversion: string, date: Date): string {
  const of = (letters: string) => letters.replace(/[A-Za-z]/g, (letter) => strftime(letter, date));
  const hours = date.getHours();
  const twelfth = hours % 12 === 0 ? 12 : hours % 12;
  const weekday = date.getDay();
  switch (conversion) {
    case "a":
      return DAYS[weekday].slice(0, 3);
    case "A":
      return DAYS[weekday];
    case "b":
    case "h":
      return MONTHS[date.getMonth()].slice(0, 3);
    case "B":
      return MONTHS[date.getMonth()];
    case "c":
      return of("a b e H:M:S Y");
    case "C":
      return two(Math.floor(date.getFullYear() / 100));
    case "d":
      return two(date.getDate());
    case "D":
    case "x":
      return of("m/d/y");
    case "e":
      return String(date.getDate()).padStart(2);
    case "F":
      return of("Y-m-d");
    case "g":
      return two(isoWeek(date).year % 100);
    case "G":
      return String(isoWeek(date).year);
    case "H":
      return two(hours);
    case "I":
      return two(twelfth);
    case "j":
      return String(dayOfYear(date) + 1).padStart(3, "0");
    case "k":
      return String(hours).padStart(2);
    case "l":
      return String(twelfth).padStart(2);
    case "m":
      return two(date.getMonth() + 1);
    case "M":
      return two(date.getMinutes());
    case "n":
      return "\n";
    case "p":
      return hours < 12 ? "AM" : "PM";
    case "P":
      return hours < 12 ? "am" : "pm";
    case "r":
      return of("I:M:S p");
    case "R":
      return of("H:M");
    case "s":
      return String(Math.floor(date.getTime() / 1000));
    case "S":
      return two(date.getSeconds());
    case "t":
      return "\t";
    case "T":
    case "X":
      return of("H:M:S");
    case "u":
      return String(weekday === 0 ? 7 : weekday);
    case "U":
      return two(Math.floor((dayOfYear(date) + 7 - weekday) / 7));
    case "V":
      return two(isoWeek(date).week);
    case "w":
      return String(weekday);
    case "W":
      return two(Math.floor((dayOfYear(date) + 7 - (weekday + 6) % 7) / 7));
    case "y":
      return two(date.getFullYear() % 100);
    case "Y":
      return String(date.getFullYear());
    case "z":
      return offset(date);
    case "Z":
      return zoneName(date);
    case "%":
      return "%";
    default:
      return `%${conversion}`;
  }
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** "+0530" */
function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
}

/** "CET" where the language has a name for it, else "GMT+5:30". */
function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(date);
  return parts.find(({ type }) => type === "timeZoneName")!.value;
}

/** 0 on the first of January. In UTC, where all days are equally long. */
function dayOfYear(date: Date): number {
  const year = date.getFullYear();
  return (Date.UTC(year, date.getMonth(), date.getDate()) - Date.UTC(year, 0, 1)) / DAY_MS;
}

/** The week with the year's first Thursday is its first. ISO 8601 */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 3 - (thursday.getUTCDay() + 6) % 7);
  const year = thursday.getUTCFullYear();
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1 };
}
