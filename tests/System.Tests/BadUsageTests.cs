using System.Net;
using System.Net.Sockets;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>What is wrong with a configuration is said in one line, with exit status 2, and nothing is left behind.</summary>
[TestFixture]
public sealed class BadUsageTests
{
    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase("--frobnicate 1", "unknown option '--frobnicate'")]
    [TestCase("frobnicate", "unexpected argument 'frobnicate'")]
    [TestCase("--dpid=", "--dpid needs a value")]
    [TestCase("--dpid xyz", "bad datapath id 'xyz'")]
    [TestCase("--dpid 0", "bad datapath id '0'")]
    [TestCase("--dpid 12345678901234567", "1 to 16 hexadecimal digits")]
    [TestCase("--dpid 1 --dpid 2", "--dpid is given twice")]
    [TestCase("--bridge a/b", "bad name 'a/b'")]
    [TestCase("--bridge a-name-of-16-byt", "more than 15 bytes")]
    [TestCase("--port a --port a", "interface a is given twice")]
    [TestCase("--port a=1 --port b=1", "port number 1 is given twice, for a and b")]
    [TestCase("--port a=0", "bad port number '0' of a")]
    [TestCase("--port a=65280", "bad port number '65280'")]
    [TestCase("--port a=x", "bad port number 'x'")]
    [TestCase("--port =1", "bad interface name ''")]
    [TestCase("--port a=1,colour=red", "--port: option 'colour' of a: there is no such option")]
    [TestCase("--port a=1,upcall-rate=x", "option 'upcall-rate' of a: 'x' is not a number from 0 to 10000000")]
    [TestCase("--port a=1,upcall-burst=0", "option 'upcall-burst' of a: '0' is not a number from 1 to 10000000")]
    [TestCase("--port a=1,upcall-rate", "option 'upcall-rate' of a: '' is not a number")]
    [TestCase("--port a=1,upcall-rate=1,upcall-rate=2", "option 'upcall-rate' of a is given twice")]
    [TestCase("--port a=1,fast-peer=yes", "option 'fast-peer' of a: it takes no value")]
    [TestCase("--datapath memory --port a=1,fast-peer", "fast-peer can't be had for 'a': with --datapath memory there are no interfaces")]
    [TestCase("--attach xdp", "--attach: 'xdp' is not one of auto, tcx, clsact")]
    [TestCase("--upcall-rate -1", "--upcall-rate: '-1' is not a number from 0 to 10000000")]
    [TestCase("--upcall-rate 0 --upcall-burst 5", "--upcall-burst: means nothing without an upcall-rate")]
    [TestCase("--port a=1,x,x", "option 'x' of a: there is no such option")]
    [TestCase("--port a,", "option '' of a: there is no such option")]
    [TestCase("--port t=1,remote_ip=192.0.2.1", "--port: t: it has options of a tunnel, but no type")]
    [TestCase("--port t=1,type=ipsec,remote_ip=192.0.2.1", "type 'ipsec' is not vxlan, gre or geneve")]
    [TestCase("--port t=1,type=gre", "--port: t: it needs a remote_ip")]
    [TestCase("--port t=1,type=gre,remote_ip=", "remote_ip needs a value")]
    [TestCase("--port t=1,type=gre,remote_ip=host", "remote_ip 'host' is not an IP address of one machine, nor flow")]
    [TestCase("--port t=1,type=gre,remote_ip=224.0.0.1", "remote_ip '224.0.0.1' is not an IP address of one machine")]
    [TestCase("--port t=1,type=gre,remote_ip=192.0.2.1,local_ip=fd00::1", "different versions of IP")]
    [TestCase("--port t=1,type=vxlan,remote_ip=192.0.2.1,key=16777216", "key '16777216' is not a number from 0 to 16777215, nor flow")]
    [TestCase("--port t=1,type=gre,remote_ip=192.0.2.1,ttl=0", "ttl '0' is not a number from 1 to 255, or inherit")]
    [TestCase("--port t=1,type=gre,remote_ip=192.0.2.1,tos=256", "tos '256' is not a number from 0 to 255, or inherit")]
    [TestCase("--port t=1,type=gre,remote_ip=192.0.2.1,csum=yes", "csum 'yes' is not true or false")]
    [TestCase("--port t=1,type=gre,remote_ip=192.0.2.1,dst_port=1", "gre has no dst_port")]
    [TestCase("--port t=1,type=vxlan,remote_ip=192.0.2.1,exts=gbp", "exts is not supported: VXLAN extensions are not there")]
    [TestCase("--port t=1,type=vxlan,remote_ip=192.0.2.1,fast-peer", "fast-peer can't be had for 't': a tunnel has no interface")]
    [TestCase("--port t=1,type=vxlan,remote_ip=192.0.2.1,colour=red", "option 'colour' of t: there is no such option")]
    [TestCase("--port t=LOCAL,type=gre,remote_ip=192.0.2.1", "a tunnel can't be the LOCAL port")]
    [TestCase("--datapath memory --port t=1,type=gre,remote_ip=192.0.2.1", "there are no tunnels with --datapath memory")]
    [TestCase("--port a --tunnel-underlay eth0", "--tunnel-underlay: means nothing without a tunnel port")]
    [TestCase("--controller 127.0.0.1:6653", "bad target '127.0.0.1:6653'")]
    [TestCase("--controller tcp:127.0.0.1:99999", "'99999' is not a port")]
    [TestCase("--controller ptcp:6653", "it is to listen on")]
    [TestCase("--listen tcp:127.0.0.1", "it is to connect to")]
    [TestCase("--controller ssl:127.0.0.1", "needs --private-key")]
    [TestCase("--controller tcp:127.0.0.1 --controller tcp:127.0.0.1:6653", "given twice")]
    [TestCase("--private-key x", "--certificate is missing")]
    [TestCase("--private-key /nonexistent --certificate /nonexistent --ca-cert /nonexistent", "/nonexistent")]
    [TestCase("--fail-mode open", "'open' is not one of standalone, secure")]
    [TestCase("--datapath dpdk", "'dpdk' is not one of tc, memory")]
    [TestCase("--datapath xdp", "xdp is not there yet")]
    [TestCase("--desc vendor=x", "'vendor=x'")]
    [TestCase("--inactivity-probe -1", "'-1' is not a number")]
    [TestCase("--max-backoff 0", "from 1")]
    [TestCase("--max-backoff 86401", "to 86400")]
    [TestCase("--inactivity-probe soon", "'soon' is not a number")]
    [TestCase("--auxiliary 17", "'17' is not a number from 0 to 16")]
    [TestCase("--packet-in-rate -5", "'-5' is not a number from 0 to 1000000")]
    [TestCase("--packet-in-rate 5 --packet-in-burst 0", "'0' is not a number from 1 to 1000000")]
    [TestCase("--packet-in-burst 5", "--packet-in-burst: means nothing without a packet-in-rate")]
    [TestCase("--flow-limit many", "'many' is not a number")]
    [TestCase("--log-level loud", "'loud' is not one of off, emer, err, warn, info, dbg")]
    [TestCase("--config /nonexistent", "/nonexistent")]
    [TestCase("--rundir /proc/nonexistent", "--rundir: ")]
    public void Bad_option(string options, string message) => Refused(message, options.Split(' '));

    [Test]
    public void Last_option_without_its_value() => Check(Command.Try(SwitchProcess.Program, "run", "--dpid"), "--dpid needs a value: HEX");

    [TestCase("dpid", "'dpid' is not 'key = value'")]
    [TestCase("nosuch = 1", "unknown key 'nosuch'")]
    [TestCase("config = x", "unknown key 'config'")]
    [TestCase("dpid = z", "dpid: bad datapath id 'z'")]
    [TestCase("dpid =", "dpid needs a value")]
    public void Bad_line_of_a_configuration_file_is_named(string line, string message)
    {
        string file = Path.Combine(_directory, "conf");
        File.WriteAllText(file, "# a comment\n\n" + line + "\n");

        Refused($"{file}:3: {message}", "--config", file);
    }

    [Test]
    public void Address_in_use()
    {
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        other.Listen();

        Refused("another process listens there", "--listen", $"ptcp:{((IPEndPoint)other.LocalEndPoint!).Port}:127.0.0.1");
        Assert.That(Directory.GetFiles(_directory), Is.Empty);
    }

    [Test]
    public void Run_directory_of_another_daemon()
    {
        using var first = SwitchProcess.StartIn(_directory, null, "--datapath", "memory");

        Refused($"another daemon (pid {first.ProcessId}) uses {_directory}");
        Assert.That(first.Appctl("version"), Does.Contain("OvsBridge"), "the first one goes on");
    }

    [Test]
    [Category("Topology")]
    public void Unknown_interface()
    {
        using var net = new Netns("h1");
        Refused(net, "there is no interface 'nosuch'", "--port", "h1", "--port", "nosuch");
    }

    [Test]
    [Category("Topology")]
    public void Interface_that_is_not_Ethernet()
    {
        using var net = new Netns();
        Refused(net, "'lo' is not an Ethernet interface", "--port", "lo");
    }

    [Test]
    [Category("Topology")]
    public void Missing_rights_are_named()
    {
        using var net = new Netns("h1");
        CommandResult result = net.TryInSwitch(
            "setpriv", "--bounding-set", "-cap_39,-sys_admin,-net_raw", SwitchProcess.Program, "run", "--rundir", _directory, "--port", "h1");
        Check(result, "missing rights: CAP_NET_RAW, CAP_BPF (");
    }

    [Test]
    [Category("Topology")]
    public void Kernel_without_BPF()
    {
        using var net = new Netns("h1");
        // A seccomp filter that lets the bpf system call not exist.
        const string WithoutBpf =
            """
            import ctypes, os, platform, struct, sys
            number = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
            code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7fff0000)]
            program = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *line) for line in code))
            class Filter(ctypes.Structure):
                _fields_ = [('length', ctypes.c_ushort), ('code', ctypes.c_void_p)]
            libc = ctypes.CDLL(None, use_errno=True)
            libc.prctl(38, 1, 0, 0, 0)
            if libc.prctl(22, 2, ctypes.byref(Filter(len(code), ctypes.addressof(program)))) != 0:
                sys.exit('seccomp: ' + os.strerror(ctypes.get_errno()))
            os.execv(sys.argv[1], sys.argv[1:])
            """;
        CommandResult result = net.TryInSwitch(
            "python3", "-c", WithoutBpf, SwitchProcess.Program, "run", "--rundir", _directory, "--port", "h1");
        Check(result, "this kernel has no BPF");
    }

    private void Refused(string message, params IEnumerable<string> options)
    {
        List<string> all = ["run", .. options];
        if (!all.Contains("--rundir"))
            all.AddRange(["--rundir", _directory]);
        if (!all.Contains("--datapath"))
            all.AddRange(["--datapath", "memory"]);
        Check(Command.Try(SwitchProcess.Program, all), message);
    }

    private void Refused(Netns net, string message, params IEnumerable<string> options)
    {
        Check(net.TryInSwitch(SwitchProcess.Program, ["run", "--rundir", _directory, .. options]), message);
        Assert.That(Directory.GetFiles(_directory), Is.Empty);
    }

    private static void Check(CommandResult result, string message) => Assert.Multiple(() =>
    {
        Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
        Assert.That(result.Output, Is.Empty);
        Assert.That(result.Error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), result.Error);
        Assert.That(result.Error, Does.StartWith("ovsbridge: ").And.Contain(message));
    });
}
