import { useEffect, useRef } from 'preact/hooks';

/**
 * What the page stands on. It is drawn once for each size of the screen: as a background of CSS, the part of it behind
 * every word that changes would be computed again, which took a slow processor longer than the words (docs/decisions.md).
 */
export function Ground() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const draw = () => {
      if (canvas.current) drawGround(canvas.current);
    };
    draw();
    addEventListener('resize', draw);
    return () => removeEventListener('resize', draw);
  }, []);
  return (
    <div class="ground" aria-hidden="true">
      <canvas ref={canvas} />
    </div>
  );
}

function drawGround(canvas: HTMLCanvasElement): void {
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const pen = canvas.getContext('2d', { alpha: false });
  if (!pen) return; // the plain colour below it is enough to read by
  pen.scale(canvas.width / width, canvas.height / height);
  slope(pen, width, height);
  glow(pen, width, height);
  screens(pen, width, height);
}

/** From one corner to the other. */
function slope(pen: CanvasRenderingContext2D, width: number, height: number): void {
  const angle = (160 * Math.PI) / 180; // clockwise from straight up, and its length, as in CSS
  const [x, y] = [Math.sin(angle), -Math.cos(angle)];
  const half = (Math.abs(width * x) + Math.abs(height * y)) / 2;
  const [cx, cy] = [width / 2, height / 2];
  const colours = pen.createLinearGradient(cx - x * half, cy - y * half, cx + x * half, cy + y * half);
  const style = getComputedStyle(document.documentElement);
  colours.addColorStop(0, style.getPropertyValue('--ground-top'));
  colours.addColorStop(1, style.getPropertyValue('--ground-bottom'));
  pen.fillStyle = colours;
  pen.fillRect(0, 0, width, height);
}

/** Light from above, on the left. */
function glow(pen: CanvasRenderingContext2D, width: number, height: number): void {
  pen.save();
  pen.translate(width * 0.15, 0);
  pen.scale(width * 0.7, height * 0.6);
  const light = pen.createRadialGradient(0, 0, 0, 0, 0, 1);
  light.addColorStop(0, 'rgb(255 255 255 / 100%)');
  light.addColorStop(1, 'rgb(255 255 255 / 0%)');
  pen.fillStyle = light;
  pen.fillRect(-1, 0, 3, 2);
  pen.restore();
}

/** Three screens, one behind the other, faint in the corner: one desktop, three places it can run. */
function screens(pen: CanvasRenderingContext2D, width: number, height: number): void {
  const unit = (0.9 * Math.min(width, height)) / 100;
  pen.save();
  pen.translate(width - 100 * unit, height - 100 * unit);
  pen.scale(unit, unit);
  pen.fillStyle = 'rgb(255 255 255 / 38%)';
  pen.strokeStyle = '#cbdaeb';
  pen.lineWidth = 0.25;
  for (const [x, y] of [
    [58, 8],
    [40, 32],
    [22, 56],
  ] as const) {
    pen.beginPath();
    pen.roundRect(x, y, 80, 56, 5);
    pen.fill();
    pen.stroke();
  }
  pen.restore();
}
