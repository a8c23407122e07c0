"""The console's pages, served by a process of its own on asyncio (`python -m hub.console.web`).

app.py puts it together; shell.py is what every request passes; permissions.py says who may see which page. A screen is
a module with functions that are given a visit (visit.py), in a transaction, and return a page:

    def show(visit: Visit) -> Response:
        cases = store.of_organisation(visit.tx, visit.staff.organisation)
        visit.note(SEEN, people=[one.person for one in cases])    # whom the page shows, before it is sent
        return visit.page("cases.html", cases=cases)

    Screen("cases", "/referencias", get=show, label=N_("Referencias"), act=SEEN)

It needs a row in permissions.py, its texts in words/en.po, and words for a new act in hub/gateway/audit/words.py: a
test, or the start, names what is forgotten. Forms carry `forms.token(form_token)`; `Stopped("not_found")` is what an
unknown id and another's are answered with.
"""
