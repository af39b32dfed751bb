// notifications: the mails about new leads, how each went, and how mail as a whole is.
import { get } from "./api.js";
import { resume, retryNotifications } from "./actions.js";
import { h } from "./dom.js";
import { button, empty, figure, foreign, healthBadge, leadLink, linkTo, moment, note, section, select, shortId, stateBadge } from "./ui.js";
import { healths, mailRemedy, plural } from "./words.js";

const LIMIT = 200;

function mailCard(status) {
	const { mail, notifications } = status;
	const { tone, icon } = healths[mail?.state] ?? { tone: "calm", icon: "mail" };
	return section("Mail", { more: mail && healthBadge(mail.state) },
		!mail && note("calm", "mail", "No mail is configured: add mail: to the configuration, and contacts to a destination, and each new lead is told to them."),
		mail && mail.state !== "open" && note(tone, icon, mail.error && h("p", {}, foreign(mail.error)), h("p", {}, "Since ", moment(mail.since), ". ", h("b", {}, "What to do: "), mailRemedy(mail))),
		h("dl", { class: "figures" }, figure("Waiting", notifications.pending, { href: linkTo("notifications", { state: "pending" }) }),
			figure("Sent", notifications.sent, { href: linkTo("notifications", { state: "sent" }) }),
			figure("Dead", notifications.dead, { href: linkTo("notifications", { state: "dead" }), tone: "bad" })),
		h("div", { class: "buttons" }, mail && mail.state === "parked" && mail.reason !== "removed" && button("Resume mail…", () => resume("(mail)", { mail: true })),
			notifications.dead > 0 && button("Retry all dead…", () => retryNotifications())));
}

const line = (mail, i) => h("li", { class: "lead-line mail-line", key: `${mail.lead_id}-${mail.to}-${i}` },
	h("span", { class: "lead-who" }, foreign(mail.to, "clip"), mail.lead_id ? h("a", { class: "hint", href: leadLink(mail.lead_id) }, "Lead ", h("code", {}, shortId(mail.lead_id))) : h("span", { class: "hint" }, "the lead is gone")),
	h("span", { class: "lead-when" }, mail.sent_at ? moment(mail.sent_at) : mail.next_attempt_at && mail.state === "pending" ? ["next ", moment(mail.next_attempt_at)] : "", h("span", { class: "hint" }, plural(mail.attempts, "attempt", "attempts"))),
	h("span", { class: "mail-state" }, stateBadge(mail.state), mail.error && h("span", { class: "hint" }, foreign(mail.error)),
		mail.state === "dead" && mail.lead_id && button("Retry…", () => retryNotifications([mail.lead_id]), { "aria-label": `Retry the notification about lead ${shortId(mail.lead_id)}…` })));

export default {
	title: () => "Notifications",
	every: 10000,
	load: (route, { personal }) => get("notifications", { state: route.parameters.state, limit: LIMIT, personal: personal && "show" }),
	draw: (data, route, { live }) => {
		const list = data?.notifications ?? [];
		return [h("h1", { id: "title", tabindex: "-1", key: "title" }, "Notifications"), mailCard(live.status),
			h("div", { class: "title-line", key: "filter" }, h("h2", { id: "mails" }, "Mails about leads"),
				select("State", "mail-state", [["", "Any state"], ["pending", "Waiting"], ["held", "Held"], ["sent", "Sent"], ["dead", "Dead"]], route.parameters.state, (state) => route.go(linkTo("notifications", { state })))),
			data && (list.length ? [h("ol", { class: "lead-list", "aria-labelledby": "mails", key: "mails" }, list.map(line)), list.length === LIMIT && h("p", { class: "quiet", key: "more" }, `The newest ${LIMIT}.`)]
				: empty("mail", "No mails here", "One mail goes out for each new lead and contact; it appears here with what the mail server said."))];
	},
};
