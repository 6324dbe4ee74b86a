// Reads the packed pieces of the page: JSON, compressed by gzip, in base64. Each is unpacked once.
const pieces = new Map();

function piece(name) {
  if (!pieces.has(name)) pieces.set(name, unpack(name));
  return pieces.get(name);
}

async function unpack(name) {
  const element = document.getElementById(`piece-${name}`);
  const binary = atob(element.textContent);
  element.remove();
  const bytes = new Uint8Array(binary.length);
  for (let position = 0; position < binary.length; position += 1) bytes[position] = binary.charCodeAt(position);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}
