// login: a token for a cookie. Without this script the form is sent as it is.
const form = document.getElementById("login");
const token = document.getElementById("token");
const trouble = document.getElementById("trouble");

function refuse(text) {
	trouble.textContent = text;
	trouble.hidden = false;
	token.setAttribute("aria-invalid", "true");
	token.select();
	token.focus();

// Followed from a mail or a chat, a link arrives without the cookie (SameSite=Strict), though there may be a session: asked for from
// here, the cookie is sent.
if (localStorage.getItem("session"))
	fetch("/api/v1/version").then((answer) => answer.ok && location.replace(`/${location.hash}`), () => {});
}

async function login() {
	const answer = await fetch("/login", { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
		body: JSON.stringify({ token: token.value.trim() }) });
	if (answer.ok) {
		localStorage.setItem("session", "yes"); // there is something to log out of; the session itself is a cookie that no script sees
		return location.replace(`/${location.hash}`); // to the view that the link meant
	}
	const told = await answer.json().catch(() => ({}));
	refuse(answer.status === 401 ? "That token is not one of the file's lines." : told.detail ?? `It did not work: HTTP ${answer.status}.`);
}

form.onsubmit = (event) => {
	event.preventDefault();
	trouble.hidden = true;
	login().catch(() => refuse("leadrelayd cannot be reached."));
};
token.focus();

// Followed from a mail or a chat, a link arrives without the cookie (SameSite=Strict), though there may be a session: asked for from
// here, the cookie is sent.
if (localStorage.getItem("session"))
	fetch("/api/v1/version").then((answer) => answer.ok && location.replace(`/${location.hash}`), () => {});
