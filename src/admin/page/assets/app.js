// How the relay is, in one line.
"use strict";

const state = document.getElementById("state");

async function look() {
	try {
		const answer = await fetch("/api/v1/status", { cache: "no-store" });
		if (answer.status === 401) return location.assign("/login");
		const { accounting, version } = await answer.json();
		state.textContent = `${accounting.accepted} deliveries accounted for: ${accounting.delivered} delivered, ` +
			`${accounting.pending + accounting.held} waiting, ${accounting.dead} dead. leadrelay ${version}`;
	} catch {
		state.textContent = "The relay does not answer.";
	}
	setTimeout(look, 2000);
}

look();
