import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { useFirstFocus, useId } from '../hooks.ts';

/** A screen that mostly tells something: a picture, a title, text, and perhaps something to do. */
export function Plain({
  picture,
  title,
  children,
}: {
  picture: ComponentChildren;
  title: string;
  children: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  useFirstFocus(heading);
  return (
    <section class="card plain" aria-labelledby={id}>
      <div class="picture">{picture}</div>
      <h1 id={id} ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </section>
  );
}
