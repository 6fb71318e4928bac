// A server of HTTP in JavaScript, by ComponentizeJS: says what it was asked, and gives the body back.

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const { pathname, search } = new URL(request.url);
  return new Response(`javascript: ${pathname}${search} ${await request.text()}\n`, {
    headers: { "content-type": "text/plain" },
  });
}
