// Logging in without leaving the page: what is behind # in the address stays.
"use strict";

const problem = document.getElementById("problem");

// A link from a mail comes without the cookie (SameSite=Strict); asked from here it is sent.
fetch("/api/v1/version").then((answer) => {
	if (answer.ok) location.replace("/" + location.hash);
});

document.querySelector("form").addEventListener("submit", async (event) => {
	event.preventDefault();
	const answer = await fetch("/login", {
		method: "POST",
		headers: { "Content-Type": "application/json" },
		body: JSON.stringify({ token: document.getElementById("token").value }),
	});
	if (answer.ok) location.replace("/" + location.hash);
	else problem.textContent = (await answer.json()).detail;
});
