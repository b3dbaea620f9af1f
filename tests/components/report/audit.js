// What a reader would stumble over: text that is small or pale, and what lies outside the page.
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const behind = (element) => {
    if (!element) return rgba(matchMedia("(prefers-color-scheme: dark)").matches ? "#000" : "#fff").slice(0, 3);
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, behind(element.parentElement));
  };
  const luminance = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = { small: [], pale: [], outside: [] };
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    const words = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    if (!words || !box.width || element.closest("script, style, .skip, caption, title") || element.tagName === "title") continue;
    const style = getComputedStyle(element), svg = element.ownerSVGElement;
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    const name = `${element.tagName}.${element.getAttribute("class") ?? ""} ${words.slice(0, 20)}`;
    if (parseFloat(style.fontSize) * scale < 11) found.small.push(`${name}: ${parseFloat(style.fontSize) * scale}`);
    const back = behind(svg ? svg.parentElement : element);
    const ratio = contrast(over(rgba(svg ? style.fill : style.color), back), back);
    if (ratio < 4.5) found.pale.push(`${name}: ${ratio.toFixed(2)}`);
    const scrolls = element.closest(".scroll, pre, figure.wide, [role=region]");
    if (box.right > innerWidth + 1 && !scrolls) found.outside.push(name);
    if (svg) {
      const frame = svg.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1) found.outside.push(`${name} in its plot`);
    }
  }
  return found;
})()
