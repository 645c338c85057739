/*
 * page.js URL TOKEN PID - the script of an orchestrator's page in what it needs of a browser. Its
 * clock is turned by hand. Prints what is told, and whether one may log in: as it is opened, after a
 * wrong TOKEN and a second later, after the right one, and when the orchestrator, PID, has ended.
 */
'use strict';
const [url, token, pid] = process.argv.slice(2);
const elements = {};
const element = () => ({
    textContent: '', value: '', hidden: true, children: [],
    append() {},
    replaceChildren(...rows) { this.children = rows; },
    addEventListener(name, fn) { this[name] = fn; },
});
let cookie = '';
let next = null;

const by = id => elements[id] ??= element();
const page_document = {createElement: element, getElementById: by};
const page_fetch = async (path, how) => {
    const answer = await fetch(url + '/' + path, {...how, headers: {...how?.headers, cookie}});
    const set = answer.headers.get('set-cookie');

    cookie = set ? set.split(';')[0] : cookie;
    return answer;
};
const page_timeout = fn => { next = fn; };

const looked = async () => {
    while (!next)
        await new Promise(done => setTimeout(done, 5));
};
const second = async () => {
    const look = next;

    next = null;
    await look();
};
const log_in = async text => {
    by('token').value = text;
    await by('login').submit({preventDefault() {}});
};
const shown = () => console.log(by('login').hidden ? '-' : 'form', by('error').textContent);

(async () => {
    const page = await (await fetch(url + '/')).text();
    const script = page.split('<script>')[1].split('</script>')[0];

    new Function('document', 'fetch', 'setTimeout', script)(page_document, page_fetch, page_timeout);
    await looked();
    shown();
    await log_in('not-' + token);
    shown();
    await second();
    shown();
    await log_in(token);
    await second();
    shown();
    process.kill(pid);
    for (let up = true; up; )
        up = await fetch(url + '/health').catch(() => false);
    await second();
    shown();
})();
