/** Eight dots; the animation moves in eight steps a second, which software rendering can afford. */
export function Spinner() {
  return (
    <svg class="spinner" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
      {[0, 1, 2, 3, 4, 5, 6, 7].map((i) => (
        <circle
          key={i}
          class={`dot dot-${i}`}
          cx={20 + 15 * Math.sin((i * Math.PI) / 4)}
          cy={20 - 15 * Math.cos((i * Math.PI) / 4)}
          r="3.2"
        />
      ))}
    </svg>
  );
}
