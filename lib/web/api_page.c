/* GET /: a page that says what runs here, and how to talk to it. */
#include <string.h>

#include "web/api_inner.h"

#define POLICY                                                                                     \
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "                  \
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

static const char page[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>loadkit</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:48rem;padding:0 1rem}\n"
    "table{border-collapse:collapse}\n"
    "td,th{text-align:left;vertical-align:baseline;padding:.2rem 1.5rem .2rem 0}\n"
    "code{background:#8882;padding:.1rem .3rem;border-radius:.2rem;white-space:nowrap}\n"
    "#error{color:#b00}\n"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}#error{color:#f77}\n"
    "a{color:#8bf}}\n"
    "</style></head><body>\n"
    "<h1 id=\"title\">loadkit</h1>\n"
    "<p id=\"error\" role=\"status\"></p>\n"
    "<form id=\"login\" hidden><label>Token <input id=\"token\" type=\"password\"\n"
    "autocomplete=\"current-password\"></label> <button>Log in</button></form>\n"
    "<table><tbody id=\"rows\"></tbody></table>\n"
    "<p>The API: <a href=\"openapi.json\">openapi.json</a>, in words in\n"
    "<code>loadkit-api(7)</code>; from a command line: <code>PROGRAM test start</code>,\n"
    "<code>test status</code>, <code>test stop</code>.</p>\n"
    "<script>\n"
    "'use strict';\n"
    "const by=id=>document.getElementById(id);\n"
    "let wrong='',seen='';\n" /* why the last login failed; of when what is shown is */
    "const tell=text=>{by('error').textContent=text};\n"
    "const fail=why=>tell(why.message+(seen&&'; what is shown is as of '+seen));\n"
    "const call=async(path,how)=>{try{\n"
    " const answer=await fetch(path,{...how,signal:AbortSignal.timeout(5000)});\n"
    " return[answer.status,await answer.json()]\n"
    " }catch{throw new Error('the orchestrator does not answer')}};\n"
    "const ask=async path=>{const [status,body]=await call(path);\n"
    " by('login').hidden=status!==401;\n"
    " if(status===401)throw new Error(wrong||'log in with the token to see how the run stands');\n"
    " if(status!==200)throw new Error(body.error.message);\n"
    " return body};\n"
    "const row=(name,text)=>{const tr=document.createElement('tr');\n"
    " const th=document.createElement('th'),td=document.createElement('td');\n"
    " th.textContent=name;td.textContent=text;tr.append(th,td);tr.hidden=!text;return tr};\n"
    "const rate=x=>x.toFixed(x<10?1:0);\n"
    "const look=async()=>{try{\n"
    " const [ready,s]=[await ask('ready'),await ask('status')];\n"
    " by('title').textContent=s.program+': '+s.state.toLowerCase();\n"
    " document.title=by('title').textContent;\n"
    " by('rows').replaceChildren(\n"
    "  row('run',s.run_id||'none yet'),row('phase',s.phase||''),\n"
    "  row('time',s.elapsed_s.toFixed(0)+' s'\n"
    "   +(s.total_s?' of '+s.total_s.toFixed(0)+' s':'')),\n"
    "  row('users',s.users+' of '+s.users_wanted),\n"
    "  row('workers',ready.alive_workers\n"
    "   +(ready.workers.length?': '+ready.workers.join(', '):'')),\n"
    "  row('requests',s.totals.http_requests+', '+s.totals.http_errors+' failed, '\n"
    "   +rate(s.last.requests_per_s)+'/s'),\n"
    "  row('steps',s.totals.steps+', '+s.totals.step_errors+' failed, '\n"
    "   +rate(s.last.steps_per_s)+'/s'),\n"
    "  row('latency',s.last.p50_ms===null?'':'p50 '+s.last.p50_ms+' ms, p95 '+s.last.p95_ms\n"
    "   +' ms, p99 '+s.last.p99_ms+' ms'));\n"
    " wrong='';seen=new Date().toLocaleString();\n"
    " tell(s.redis?'':'Redis cannot be used');\n"
    " }catch(e){fail(e)}\n"
    " setTimeout(look,1000)};\n"
    "by('login').addEventListener('submit',async e=>{e.preventDefault();tell(wrong='');try{\n"
    " const [status,body]=await call('login',{method:'POST',\n"
    "  headers:{'Content-Type':'application/json'},\n"
    "  body:JSON.stringify({token:by('token').value})});\n"
    " by('token').value='';\n"
    " if(status!==200)throw new Error(wrong=body.error.message);\n"
    " }catch(e){fail(e)}});\n"
    "look();\n"
    "</script></body></html>\n";

void lki_api_page(struct lki_web_request *request, void *arg)
{
    (void)arg;
    lki_web_answer_header(request, "Content-Security-Policy", POLICY);
    lki_web_answer(request, 200, "text/html; charset=utf-8", page, sizeof(page) - 1);
}
