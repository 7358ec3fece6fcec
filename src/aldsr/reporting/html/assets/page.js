// Shows the images of the page, which are its data.

const images = JSON.parse(document.querySelector("#data").textContent);
if (images.length) showImages(images);
