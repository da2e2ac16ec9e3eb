#!/usr/bin/env python3
"""bench.py [-t SEC] [-r ROUNDS] [-g 64|32|32sse] [-b name|group,...] [-m MB] [-d virtio|ide|none] [-l LIMIT] A [B]
 A, B: an emulator command line (quoted), or the word native. One: a table of medians. Two: they run in alternation; speed A/B,
 with a geometric mean for each group. A run that takes more than LIMIT seconds (900) is killed and reported; the results it
 had count. The guest comes from make-guest.sh; BENCH_DIR names its folder (default artifacts/bench-guest).
 Groups: int branch fp x87 simd mem code sys disk task pages (zbench64 -l lists what is in each). Example:
   bench.py -b int,branch,fp './rhea' 'qemu-system-x86_64 -accel tcg'"""
import sys,os,re,subprocess,signal,threading,time,statistics,shlex,tempfile,shutil,getopt
Z=os.environ.get('BENCH_DIR',os.path.join(os.path.dirname(os.path.abspath(__file__)),'..','artifacts','bench-guest'))
o,a=getopt.getopt(sys.argv[1:],'t:r:g:b:m:d:l:'); o=dict(o); T=o.get('-t','1'); R=int(o.get('-r','3')); G=o.get('-g','64'); B=o.get('-b','all').split(','); M=o.get('-m','512'); DISK=o.get('-d','ide'); L=float(o.get('-l','900'))
if not a: print(__doc__); sys.exit(2)
BIN={'64':'zbench64','32':'zbench32','32sse':'zbench32sse'}[G]
def run(emu):
    tmp=tempfile.mkdtemp(prefix='zb-'); res={}; p=err=timer=None; late=threading.Event()
    def kill():
        try: os.killpg(p.pid,signal.SIGKILL)
        except ProcessLookupError: pass
    def start(cmd,**kw):
        nonlocal p,err,timer
        err=open(tmp+'/err','w+b'); p=subprocess.Popen(cmd,stdin=subprocess.DEVNULL,stdout=subprocess.PIPE,stderr=err,start_new_session=True,**kw)
        timer=threading.Timer(L,lambda:(late.set(),kill())); timer.daemon=True; timer.start()
    def report():
        if late.is_set(): res[f'ERROR run over {L:g} s']=(1,'!'); print(f'bench.py: killed after {L:g} s, results so far are kept: {emu}',file=sys.stderr)
    try:
        if emu=='native':
            subprocess.run(['truncate','-s','64M',tmp+'/d']); start([f'{Z}/{BIN}','-t',T,'-d',tmp+'/d','-w']+B,env={**os.environ,'ZB_NATIVE':'1'},cwd=tmp)
            for l in p.stdout:
                f=l.decode('latin1').split()
                if len(f)>2: res[f[0]]=(float(f[1]),f[2])
            p.wait(); report(); return res
        w={'64':'bench','32':'bench 32','32sse':'bench 32sse'}[G]+f' -v -t {T} '+' '.join(B)
        subprocess.run(['truncate','-s','64M',tmp+'/d'])
        cmd=shlex.split(emu)+['-display','none','-serial','stdio','-monitor','none','-m',M,'-no-reboot','-nic','none',*([] if DISK=='none' else ['-drive',f'file={tmp}/d,format=raw,if={DISK}']),'-kernel',f'{Z}/vmlinuz','-initrd',f'{Z}/initrd.gz','-append',f'console=ttyS0 quiet panic=-1 -- {w}']
        t0=time.time(); start(cmd); ub=None; on=False; n=0
        for l in p.stdout:
            l=l.decode('latin1').strip(); t=time.time()
            if l.startswith('ZOO-UP'):
                res['boot']=(t-t0,'s'); cpu=open(f'/proc/{p.pid}/stat').read().rsplit(')',1)[1].split(); hz=os.sysconf('SC_CLK_TCK'); res['boot-cpu']=((int(cpu[11])+int(cpu[12]))/hz,'s')
            elif 'BENCH-BEGIN' in l: on=True; tb=tl=t; m=re.search(r'up=([\d.]+)',l); ub=float(m.group(1)) if m else None
            elif 'BENCH-END' in l:
                on=False; m=re.search(r'up=([\d.]+)',l)
                if m and ub is not None and t-tb>1: res['guest-clock']=((float(m.group(1))-ub)/(t-tb),'x')
            elif on:
                f=l.split()
                if len(f)==4:
                    try:
                        k=1.0; h=t-tl; gs=float(f[3])
                        if h>0.3 and abs(gs/h-1)>0.05: k=gs/h  # guest clock off: go by the host's
                        res[f[0]]=(float(f[1])*k,f[2]); tl=t; n+=1
                    except ValueError: pass
                    if sys.stderr.isatty(): print(emu[:20],l,file=sys.stderr)
                elif 'ERROR' in l: res['ERROR '+l]=(1,'!')
        pid,st,ru=os.wait4(p.pid,0); p.returncode=0; report()
        if not late.is_set(): res['rss']=(ru.ru_maxrss/1024,'MiB'); res['total']=(time.time()-t0,'s'); res['user-cpu']=(ru.ru_utime,'s')
        err.seek(max(0,err.seek(0,2)-500)); e=err.read().decode('latin1').strip()
        if e and (late.is_set() or not n): print(e,file=sys.stderr)
        return res
    finally:
        if timer: timer.cancel()
        if p and p.returncode is None: kill()
        shutil.rmtree(tmp,ignore_errors=True)
allr=[[] for _ in a]
for r in range(R):
    for i,e in enumerate(a if r%2==0 else a[::-1]): allr[i if r%2==0 else len(a)-1-i].append(run(e))
def med(rs,k): v=[x[k][0] for x in rs if k in x]; return statistics.median(v) if v else None
keys=[]
for rs in allr:
    for x in rs:
        for k in x:
            if k not in keys: keys.append(k)
LOWER={'boot','boot-cpu','rss','total','user-cpu'}
fmt=lambda v:'-' if v is None else f'{v:.3g}' if v<100 else f'{v:.0f}'
unit={k:x[k][1] for rs in allr for x in rs for k in x}
if len(a)==1:
    print(f'# {a[0]}  guest {G}  median of {R}, {T} s each'); print(f"{'benchmark':14}{'value':>12} unit")
    for k in keys: print(f'{k:14}{fmt(med(allr[0],k)):>12} {unit[k]}')
else:
    print(f'# A = {a[0]}\n# B = {a[1]}\n# guest {G}, median of {R} rounds in alternation; speed = how many times as fast A is as B (boot, rss, total: B/A too, so above 1 is good for A)')
    print(f"{'benchmark':14}{'A':>12}{'B':>12} {'unit':11}{'speed A/B':>10}"); g=[]; ratio={}
    for k in keys:
        x,y=med(allr[0],k),med(allr[1],k); r=None
        if x and y and not k.startswith('ERROR'):
            r=y/x if k in LOWER else x/y
            if k not in LOWER and k not in('guest-clock','sleep1ms'): g.append(r); ratio[k]=r
        print(f"{k:14}{fmt(x):>12}{fmt(y):>12} {unit[k]:11}{'-' if r is None else f'{r:10.3f}':>10}")
    group={f.split()[0]:f.split()[1] for f in subprocess.run([f'{Z}/zbench64','-l'],capture_output=True,text=True).stdout.splitlines()}
    for n in dict.fromkeys(group.values()):
        q=[ratio[k] for k in ratio if group.get(k)==n]
        if q: print(f"geomean {n:12}{'':>6}{'':>12} {'':11}{statistics.geometric_mean(q):10.3f}")
    if g: print(f"{'geomean':14}{'':>12}{'':>12} {'':11}{statistics.geometric_mean(g):10.3f}")
