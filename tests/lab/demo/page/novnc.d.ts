/** The part of noVNC's API that the page uses: https://github.com/novnc/noVNC/blob/master/docs/API.md */
declare module '@novnc/novnc' {
  class RFB extends EventTarget {
    constructor(target: HTMLElement, url: string);
    scaleViewport: boolean;
    background: string;
    focusOnClick: boolean;
    showDotCursor: boolean;
    disconnect(): void;
    focus(): void;
    sendKey(keysym: number, code: string | null, down?: boolean): void;
  }

  // biome-ignore lint/style/noDefaultExport: it is how noVNC exports it
  export { RFB as default };
}
