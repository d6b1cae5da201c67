// The form that takes the browser on: with JavaScript by itself, without it by its button.
document.getElementById("on-its-own").requestSubmit();
