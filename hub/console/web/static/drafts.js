// What is typed waits on the server for whoever types it (drafts.py), so that neither the lock nor a cut line nor another
// device loses it. Nothing is kept in the browser: on a shared computer it would be there for whoever comes next.
'use strict'
{
    const MOMENT = 2000, LATER = 10000 // milliseconds
    const {to, offline} = document.currentScript.dataset
    const said = document.createElement('p')
    let typed, timer, sending

    const wait = milliseconds => { timer = timer || setTimeout(say, milliseconds) }
    const say = () => {
        clearTimeout(timer)
        timer = 0
        const form = typed
        if (!form) return
        typed = null
        sending = new AbortController()
        const fields = new URLSearchParams(new FormData(form))
        fields.set('a', location.pathname)
        fetch(to, {method: 'POST', body: fields, redirect: 'manual', keepalive: true, signal: sending.signal}).catch(error => {
            if (error.name === 'AbortError') return
            typed = typed || form
            wait(LATER)
        })
    }

    document.addEventListener('input', event => {
        if (!event.target.form || !event.target.form.matches('form[data-draft]')) return
        typed = event.target.form
        wait(MOMENT)
    })
    document.addEventListener('submit', event => {
        const form = event.target
        if (!form.matches('form[data-draft]')) return
        if (!navigator.onLine) {
            event.preventDefault() // the page that the browser would show has nothing of it
            said.textContent = offline
            said.className = 'bad'
            said.tabIndex = -1
            said.setAttribute('role', 'alert')
            form.before(said)
            said.focus()
            return
        }
        typed = null // what is sent need not wait, and must not come behind it
        if (sending) sending.abort()
    })
    addEventListener('pagehide', say)
}
