import { render } from "preact";

import { App } from "./app";
import { setTheme, theme } from "./theme";

setTheme(theme());

const root = document.getElementById("page");
if (root) render(<App />, root);
