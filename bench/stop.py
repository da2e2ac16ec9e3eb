#!/usr/bin/env python3
"""stop.py [-n COUNT] EMULATOR...: how long the monitor's stop takes while the guest spins, until QMP has answered.
Each emulator is a command line (quoted); they take turns. Prints the median and the longest of COUNT (200) stops in ms. Example:
  bench/stop.py 'out/rhea -accel kvm' 'qemu-system-x86_64 -accel kvm'"""
import getopt, json, os, shlex, socket, statistics, subprocess, sys, tempfile, time

options, emulators = getopt.getopt(sys.argv[1:], 'n:')
count = int(dict(options).get('-n', '200'))
if not emulators:
    sys.exit(__doc__)

with tempfile.TemporaryDirectory() as folder:
    rom = bytearray(65536)
    rom[0:2] = b'\xeb\xfe'                       # jmp to itself
    rom[0xfff0:0xfff5] = b'\xea\x00\x00\x00\xf0'  # jmp F000:0000
    with open(folder + '/rom', 'wb') as file:
        file.write(rom)

    def start(emulator, number):
        path = f'{folder}/qmp{number}'
        process = subprocess.Popen(shlex.split(emulator) + ['-display', 'none', '-nodefaults', '-vga', 'none', '-bios', folder + '/rom', '-qmp', f'unix:{path},server=on,wait=off'])
        monitor = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                monitor.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        lines = monitor.makefile('rw')
        lines.readline()
        return process, lines

    def command(lines, name):
        lines.write(json.dumps({'execute': name}) + '\n')
        lines.flush()
        while 'return' not in json.loads(lines.readline()):
            pass

    running = [start(emulator, number) for number, emulator in enumerate(emulators)]
    times = [[] for _ in emulators]
    for _, lines in running:
        command(lines, 'qmp_capabilities')
        command(lines, 'stop')
    for _ in range(count):
        for (_, lines), list_ in zip(running, times):
            command(lines, 'cont')
            time.sleep(0.002)
            begin = time.perf_counter()
            command(lines, 'stop')
            list_.append((time.perf_counter() - begin) * 1000)
    for process, lines in running:
        command(lines, 'quit')
        process.wait()
    for emulator, list_ in zip(emulators, times):
        print(f'{statistics.median(list_):8.3f} {max(list_):8.3f} ms (median, longest of {count})  {emulator}')
