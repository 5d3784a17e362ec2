export { Viewer, type ViewerProps } from "./viewer";
