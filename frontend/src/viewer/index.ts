export { warm } from "./engine";
export { Viewer, type ViewerProps } from "./viewer";
