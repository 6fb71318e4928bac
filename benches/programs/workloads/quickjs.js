// Objects, closures, typed arrays, strings, maps.
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
class Point {
  constructor(x, y) { this.x = x; this.y = y; }
  plus(other) { return new Point(this.x + other.x, this.y + other.y); }
}
let place = new Point(0, 0);
for (let i = 0; i < 300000; i++) place = place.plus(new Point(i % 7, i % 11));
const sieve = new Uint8Array(400000);
let primes = 0;
for (let n = 2; n < sieve.length; n++) {
  if (sieve[n]) continue;
  primes++;
  for (let multiple = n * n; multiple < sieve.length; multiple += n) sieve[multiple] = 1;
}
const counts = new Map();
for (let i = 0; i < 60000; i++) {
  const word = "word" + (i * 7919) % 5003;
  counts.set(word, (counts.get(word) ?? 0) + 1);
}
const words = [...counts.keys()].sort((a, b) => (a < b ? -1 : 1));
print(fib(25), place.x, place.y, primes, words[0], JSON.stringify([...counts].slice(0, 3)));
