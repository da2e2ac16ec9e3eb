using System.Globalization;
using Rhea.Block;
using Rhea.Core.Memory;
using Rhea.Devices.Chipset;
using Rhea.Devices.Storage;
using Rhea.Host;
using Rhea.Tests.Block;
using Xunit;

namespace Rhea.Tests.Devices;

public sealed class I82078Tests : IDisposable
{
    private const ushort Output = 0x3F2, Status = 0x3F4, Data = 0x3F5, Rate = 0x3F7, Input = 0x3F7;
    private const byte Request = 0x80, ToHost = 0x40, NonDma = 0x20, Busy = 0x10;
    private const byte ToMemory = 0x46, FromMemory = 0x4A; // modes of DMA channel 2

    /// <summary>
    /// What QEMU 7.2.22's controller answered, with a disk whose sectors begin with their number: port (or memory address)
    /// = value written, ? value read, + milliseconds that pass.
    /// </summary>
    private const string Conversation = """
        3f1?c0 3f2?c 3f3?0 3f4?80 3f5?0 3f7?80 3f7=0 3f5=8 3f4?d0 3f5?80 3f4?80 3f2=0 3f2=1c 3f5=8 3f4?d0 3f5?c0 3f4?d0 3f5?0 3f4?80
        3f5=8 3f4?d0 3f5?c1 3f4?d0 3f5?0 3f4?80 3f5=8 3f4?d0 3f5?c2 3f4?d0 3f5?0 3f4?80 3f5=8 3f4?d0 3f5?c3 3f4?d0 3f5?0 3f4?80 3f5=8
        3f4?d0 3f5?80 3f4?80 3f5=10 3f4?d0 3f5?90 3f4?80 3f5=18 3f4?d0 3f5?41 3f4?80 3f5=14 3f4?d0 3f5?0 3f4?80 3f5=94 3f4?d0 3f5?10
        3f4?80 3f5=e 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?12 3f4?d0 3f5?80 3f4?d0
        3f5?60 3f4?d0 3f5?0 3f4?80 3f5=0 3f4?d0 3f5?80 3f4?80 3f5=1 3f4?d0 3f5?80 3f4?80 3f5=b 3f4?d0 3f5?80 3f4?80 3f5=1f 3f4?d0
        3f5?80 3f4?80 3f5=ef 3f4?d0 3f5?80 3f4?80 3f5=14 3f4?d0 3f5?0 3f4?80 3f5=3 3f5=df 3f5=2 3f4?80 3f5=e 3f4?d0 3f5?0 3f4?d0 3f5?0
        3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?d 3f4?d0 3f5?3 3f4?d0 3f5?12 3f4?d0 3f5?0 3f4?d0 3f5?60 3f4?d0 3f5?0 3f4?80 3f5=7 3f5=0
        3f4?80 3f7?80 3f5=8 3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?80 3f5=f 3f5=0 3f5=5 3f4?80 3f7?0 3f5=8 3f4?d0 3f5?20 3f4?d0 3f5?5 3f4?80
        3f5=e 3f4?d0 3f5?5 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?d 3f4?d0 3f5?3 3f4?d0 3f5?12 3f4?d0 3f5?0 3f4?d0 3f5?60
        3f4?d0 3f5?0 3f4?80 3f5=4 3f5=0 3f4?d0 3f5?28 3f4?80 3f5=4 3f5=1 3f4?d0 3f5?79 3f4?80 3f5=4 3f5=4 3f4?d0 3f5?2c 3f4?80 3f5=4
        3f5=0 3f4?d0 3f5?28 3f4?80 3f5=4a 3f5=0 3f4?10 +21 3f4?d0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?5 3f4?d0 3f5?0
        3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 3f5=4a 3f5=0 3f4?10 +21 3f4?d0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?5 3f4?d0
        3f5?0 3f4?d0 3f5?3 3f4?d0 3f5?2 3f4?80 3f5=13 3f5=0 3f5=57 3f5=20 3f5=e 3f4?d0 3f5?5 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0
        3f4?d0 3f5?d 3f4?d0 3f5?3 3f4?d0 3f5?12 3f4?d0 3f5?0 3f4?d0 3f5?57 3f4?d0 3f5?20 3f4?80 3f5=2e 3f4?d0 3f5?0 3f4?d0 3f5?0
        3f4?d0 3f5?5 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?d 3f4?d0 3f5?1 3f4?d0 3f5?12 3f4?d0 3f5?0 3f4?d0 3f5?57 3f4?d0
        3f5?20 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?80 3f5=33 3f5=ff 3f4?80 3f5=12 3f5=8d 3f5=e 3f4?d0 3f5?5 3f4?d0 3f5?0 3f4?d0
        3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?d 3f4?d0 3f5?3 3f4?d0 3f5?12 3f4?d0 3f5?14 3f4?d0 3f5?57 3f4?d0 3f5?20 3f4?80 3f5=12 3f5=80
        3f5=e 3f4?d0 3f5?5 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?d 3f4?d0 3f5?3 3f4?d0 3f5?12 3f4?d0 3f5?0 3f4?d0 3f5?57
        3f4?d0 3f5?20 3f4?80 3f5=cf 3f5=0 3f5=3 3f4?80 3f5=8 3f4?d0 3f5?20 3f4?d0 3f5?8 3f4?80 3f5=8f 3f5=0 3f5=2 3f5=8 3f4?d0 3f5?20
        3f4?d0 3f5?6 3f4?80 3f5=8f 3f5=0 3f5=20 3f5=8 3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?80 3f5=cf 3f5=0 3f5=5a 3f5=8 3f4?d0 3f5?20 3f4?d0
        3f5?4f 3f4?80 3f5=f 3f5=0 3f5=5a 3f5=8 3f4?d0 3f5?20 3f4?d0 3f5?4f 3f4?80 3f5=f 3f5=0 3f5=0 3f5=8 3f4?d0 3f5?20 3f4?d0 3f5?0
        3f4?80 3f2=1c 3f2?1c 3f1?c1 3f2=1d 3f2?1d 3f1?e1 3f2=2d 3f2?2d 3f1?e2 3f2=3c 3f2?3c 3f1?c3 3f2=1c a=6 c=0 b=46 4=0 4=20 81=0
        5=ff 5=1 a=2 3f5=46 3f5=0 3f5=0 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0
        3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 4?0 4?22 5?ff 5?ff 2000?0 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=5 a=2 3f5=e6 3f5=0
        3f5=0 3f5=0 3f5=5 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?8
        3f4?d0 3f5?2 3f4?80 4?0 4?26 5?ff 5?ff 2000?4 2200?5 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=3b a=2 3f5=46 3f5=0 3f5=0 3f5=0 3f5=1
        3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?2
        3f4?80 4?0 4?44 5?ff 5?17 2000?0 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=3b a=2 3f5=c6 3f5=0 3f5=0 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b
        3f5=ff +0 3f4?d0 3f5?24 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?d 3f4?d0 3f5?2 3f4?80 4?0 4?5c 5?ff
        5?ff 2000?0 5a00?1d a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=47 a=2 3f5=c6 3f5=0 3f5=1 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0
        3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?2 3f4?80 4?0 4?68 5?ff 5?ff 2000?24
        a=6 c=0 b=46 4=0 4=20 81=0 5=bb 5=2 a=2 3f5=46 3f5=0 3f5=1 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?20 3f4?d0
        3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 4?bc 4?22 5?ff 5?ff 2000?24 a=6 c=0 b=46 4=0
        4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=4 3f5=4f 3f5=1 3f5=12 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?24 3f4?d0 3f5?0 3f4?d0 3f5?0
        3f4?d0 3f5?50 3f4?d0 3f5?1 3f4?d0 3f5?1 3f4?d0 3f5?2 3f4?80 4?0 4?22 5?ff 5?ff 2000?b3f a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1
        a=2 3f5=46 3f5=0 3f5=0 3f5=0 3f5=3 3f5=2 3f5=3 3f5=1b 3f5=ff +0 3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0
        3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?2 3f4?80 4?0 4?22 5?ff 5?ff 2000?2 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=3 a=2 3f5=46 3f5=0 3f5=0
        3f5=0 3f5=1 3f5=2 3f5=1 3f5=1b 3f5=ff +0 3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0
        3f5?2 3f4?80 4?0 4?22 5?ff 5?1 2000?0 a=6 c=0 b=4a 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=45 3f5=0 3f5=2 3f5=0 3f5=1 3f5=2 3f5=12
        3f5=1b 3f5=ff +0 3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 4?0 4?22
        5?ff 5?ff 2000?0 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=0 3f5=2 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0
        3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 4?0 4?22 5?ff 5?ff 2000?0 a=6 c=0
        b=4a 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=49 3f5=0 3f5=0 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?60 3f4?d0 3f5?0 3f4?d0
        3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 4?0 4?20 5?ff 5?1 2000?0 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1
        a=2 3f5=4c 3f5=0 3f5=0 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?60 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0
        3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 4?0 4?20 5?ff 5?1 2000?0 a=6 c=0 b=42 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=56 3f5=0 3f5=0
        3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?0 3f4?d0 3f5?1
        3f4?d0 3f5?2 3f4?80 4?0 4?20 5?ff 5?1 2000?0 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=0 3f5=0 3f5=0 3f5=13 3f5=2
        3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?40 3f4?d0 3f5?80 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?13 3f4?d0 3f5?2 3f4?80
        4?0 4?20 5?ff 5?1 2000?0 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=0 3f5=5a 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0
        3f4?d0 3f5?40 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?5a 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?2 3f4?80 4?0 4?20 5?ff 5?1 2000?0
        a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=1 3f5=0 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?41 3f4?d0
        3f5?80 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?2 3f4?80 4?0 4?20 5?ff 5?1 2000?0 3f7=1 a=6 c=0 b=46 4=0
        4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=0 3f5=0 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?60 3f4?d0 3f5?1 3f4?d0 3f5?0
        3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0 3f5?2 3f4?80 4?0 4?20 5?ff 5?1 2000?0 3f5=4a 3f5=0 +21 3f4?d0 3f5?40 3f4?d0
        3f5?1 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 3f7=2 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1 a=2
        3f5=46 3f5=0 3f5=0 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?40 3f4?d0 3f5?1 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0
        3f4?d0 3f5?1 3f4?d0 3f5?2 3f4?80 4?0 4?20 5?ff 5?1 2000?0 3f5=4a 3f5=0 +21 3f4?d0 3f5?40 3f4?d0 3f5?1 3f4?d0 3f5?0 3f4?d0
        3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 3f7=3 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=0 3f5=0 3f5=0
        3f5=1 3f5=2 3f5=12 3f5=1b 3f5=ff +0 3f4?d0 3f5?40 3f4?d0 3f5?1 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?1 3f4?d0
        3f5?2 3f4?80 4?0 4?20 5?ff 5?1 2000?0 3f5=4a 3f5=0 +21 3f4?d0 3f5?40 3f4?d0 3f5?1 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0
        3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 3f7=0 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=0 3f5=0 3f5=0 3f5=1 3f5=2 3f5=12
        3f5=1b 3f5=ff +0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 4?0 4?22
        5?ff 5?ff 2000?0 3f5=4a 3f5=0 +21 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?3 3f4?d0 3f5?2
        3f4?80 3f5=13 3f5=0 3f5=17 3f5=0 a=6 c=0 b=46 4=0 4=20 81=0 5=ff 5=1 a=2 3f5=46 3f5=0 3f5=3 3f5=0 3f5=1 3f5=2 3f5=12 3f5=1b
        3f5=ff +0 3f4?d0 3f5?20 3f4?d0 3f5?0 3f4?d0 3f5?0 3f4?d0 3f5?3 3f4?d0 3f5?0 3f4?d0 3f5?2 3f4?d0 3f5?2 3f4?80 4?0 4?22 5?ff
        5?ff 2000?6c 3f5=13 3f5=0 3f5=57 3f5=0 3f4=80 3f4?80 3f2?c 3f5=8 3f4?d0 3f5?c0 3f4?d0 3f5?0 3f4?80 3f4=40 3f4?80 3f5=8 3f4?d0
        3f5?c0 3f4?d0 3f5?0 3f4?80
        """;

    private readonly PcBench _pc = new();
    private readonly RamBlock _ram = new("pc.ram", 0x1_0000, new HostRam());
    private readonly BlockBackend _disk = TestDisks.Of(TestDisks.Numbered(2880));
    private readonly I82078 _controller;

    public I82078Tests()
    {
        _pc.System.Add(0, MemoryRegion.Ram(_ram));
        var dma = new I8237(_pc.IsaSlot(), new GuestMemory(_pc.Memory), second: false);
        dma.Reset();
        _pc.Dma = dma.Channels;
        _pc.Drives.Add("disk", _disk);
        _controller = new I82078(_pc.IsaSlot(), new());
        _ = new FloppyDrive(new FloppySlot(_pc.Services, _controller), new() { Drive = "disk" });
        _controller.Reset();
    }

    public void Dispose() => _ram.Dispose();

    [Fact]
    public void It_answers_as_qemus_does()
    {
        var asked = 0;
        foreach (string step in Conversation.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (step[0] == '+')
            {
                _pc.Clock.Advance(TimeSpan.FromMilliseconds(int.Parse(step, CultureInfo.InvariantCulture)));
                continue;
            }

            string[] parts = step.Split('=', '?');
            uint address = Hex(parts[0]);
            if (step.Contains('=')) _pc.Out((ushort)address, (byte)Hex(parts[1]));
            else Assert.Equal((++asked, step), (asked, $"{parts[0]}?{(address < 0x2000 ? _pc.In((ushort)address) : _pc.Memory.Read(address, 4)):x}"));
        }
    }

    [Fact]
    public void The_disk_change_line_falls_when_the_head_steps_over_a_disk()
    {
        Assert.Equal(0x80, _pc.In(Input));

        Command(0x0F, 0, 1);
        Assert.Equal(0x00, _pc.In(Input));

        _disk.Change(null);
        Assert.Equal(0x80, _pc.In(Input));
        Command(0x0F, 0, 0);
        Assert.Equal(0x80, _pc.In(Input));
    }

    [Fact]
    public void Without_dma_each_sector_is_read_from_the_data_register_and_interrupts_once()
    {
        Command(0x03, 0xDF, 0x03);
        Command(0x46, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF);
        Assert.Equal(Request | ToHost | NonDma | Busy, _pc.In(Status));

        byte[] sectors = [.. Enumerable.Range(0, 1024).Select(_ => _pc.In(Data))];

        Assert.Equal((16, 17), (sectors[0], sectors[512]));
        Assert.Equal([6, 6, 6], _pc.Edges); // two sectors and the end
        Assert.Equal([0x20, 0, 0, 1, 0, 1, 2], Result());
        Assert.False(_pc.Input(6).Level);
    }

    [Fact]
    public void Without_dma_a_sector_is_written_once_all_of_it_is_there()
    {
        Command(0x03, 0xDF, 0x03);
        Command(0x45, 0, 1, 0, 3, 2, 3, 0x1B, 0xFF);
        for (var i = 0; i < 512; i++) _pc.Out(Data, 0x5A);

        Assert.Equal([0x20, 0, 0, 2, 0, 1, 2], Result());
        Assert.All(Disk(36 + 2), value => Assert.Equal(0x5A, value));
        Assert.Equal(36 + 3, Disk(36 + 3)[0]);
    }

    [Fact]
    public void A_count_that_ends_inside_a_sector_writes_zeros_for_the_rest()
    {
        _ram.Span(0x1000, 512).Fill(0x77);
        Dma(FromMemory, 100);

        Command(0x45, 0, 0, 0, 2, 2, 18, 0x1B, 0xFF);

        Assert.Equal([0, 0, 0, 0, 0, 2, 2], Result());
        Assert.Equal([0x77, 0x00], Disk(1)[99..101]);
    }

    [Fact]
    public void Format_fills_the_sectors_that_it_is_told_of()
    {
        for (var i = 0; i < 18; i++) ((byte[])[1, 0, (byte)(i + 1), 2]).CopyTo(_ram.Span(0x1000 + ((ulong)i * 4), 4));
        Dma(FromMemory, 18 * 4);
        Command(0x0F, 0, 1);
        Command(0x08);
        Result();

        Command(0x4D, 0, 2, 18, 0x54, 0xF6);

        Assert.Equal(0x00, Result()[0]);
        Assert.Equal([35, 0xF6, 0xF6, 54], [Disk(35)[0], Disk(36)[0], Disk(53)[511], Disk(54)[0]]);
    }

    [Theory]
    [InlineData(0x51, 5, 0x08)] // equal
    [InlineData(0x51, 6, 0x04)]
    [InlineData(0x59, 6, 0x00)] // the disk has less
    [InlineData(0x5D, 6, 0x04)]
    [InlineData(0x5D, 4, 0x00)] // the disk has more
    [InlineData(0x51, 0xFF, 0x08)] // a byte that is not compared
    public void Scan_compares_a_sector_with_memory(byte command, byte first, byte st2)
    {
        _ram.Span(0x1000, 512).Clear();
        _ram.Span(0x1000, 1)[0] = first;
        Dma(FromMemory, 512);

        Command(command, 0, 0, 0, 6, 2, 6, 0x1B, 1);

        Assert.Equal(st2, Result()[2]);
    }

    [Fact]
    public void Verify_needs_no_dma_and_counts_its_sectors()
    {
        Command(0x56, 0x80, 0, 0, 1, 2, 18, 0x1B, 4);

        Assert.Equal([0x00, 0, 0, 0, 0, 5, 2], Result());
    }

    [Fact]
    public void A_transfer_waits_until_the_guest_opens_its_channel()
    {
        Command(0x46, 0, 0, 0, 9, 2, 18, 0x1B, 0xFF);
        Assert.Equal((Busy, 0x40), (_pc.In(Status), _pc.In(0x08) & 0x40));

        Dma(ToMemory, 512);

        Assert.Equal([0, 0, 0, 0, 0, 10, 2], Result());
        Assert.Equal(8u, _ram.Read<uint>(0x1000));
    }

    [Fact]
    public void An_empty_drive_has_no_sectors()
    {
        _disk.Change(null);

        Command(0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF);

        Assert.Equal([0x40, 0x80, 0, 0, 0, 1, 2], Result());
    }

    private static uint Hex(string text) => uint.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private void Command(params ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) _pc.Out(Data, value);
    }

    private byte[] Result()
    {
        var bytes = new List<byte>();
        while ((_pc.In(Status) & ToHost) != 0 && bytes.Count < 20) bytes.Add(_pc.In(Data));
        return [.. bytes];
    }

    /// <summary>Channel 2, memory at 1000h.</summary>
    private void Dma(byte mode, int length)
    {
        foreach ((ushort port, int value) in ((ushort, int)[])
            [(0x0A, 6), (0x0C, 0), (0x0B, mode), (0x04, 0x00), (0x04, 0x10), (0x81, 0), (0x05, length - 1), (0x05, (length - 1) >> 8), (0x0A, 2)])
            _pc.Out(port, (byte)value);
    }

    private byte[] Disk(int sector)
    {
        var bytes = new byte[512];
        _disk.ReadAsync(sector * 512L, ScatterList.Of(bytes)).AsTask().GetAwaiter().GetResult();
        return bytes;
    }
}
