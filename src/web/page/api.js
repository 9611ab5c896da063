// GET under /api/v1, with the token in a header: it is in no address.

/** The JSON answer. Throws an Error whose `status` is the HTTP code. */
export async function get(path, token) {
  const answer = await fetch(`/api/v1${path}`, {
    cache: "no-store", headers: { Authorization: `Bearer ${token}` },
  });
  if (answer.ok) return answer.json();
  throw Object.assign(new Error(`HTTP ${answer.status}`), { status: answer.status });
}
