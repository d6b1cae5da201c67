// SPDX-License-Identifier: AGPL-3.0-only
// The form that takes the browser on: with JavaScript by itself, without it by its button.
document.getElementById("on-its-own").requestSubmit();
