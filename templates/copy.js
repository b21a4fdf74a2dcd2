(function () {
  "use strict";
  var status = document.getElementById("copy-status");
  function select(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      var node = document.getElementById(button.dataset.copy);
      var done = function () { status.textContent = "Copied."; button.classList.add("copied"); };
      var failed = function () { select(node); status.textContent = "Selected; copy it with your keyboard."; };
      if (navigator.clipboard && navigator.clipboard.writeText) {
        navigator.clipboard.writeText(node.textContent).then(done, failed);
      } else {
        failed();
      }
    });
  });
})();
