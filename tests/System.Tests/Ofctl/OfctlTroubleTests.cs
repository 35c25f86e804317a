using System.Net;
using System.Net.Sockets;
using System.Text;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests.Ofctl;

/// <summary>What <c>ofctl</c> does when things go wrong: one clear line and exit status 1, whatever the peer does.</summary>
[TestFixture]
public sealed class OfctlTroubleTests
{
    private static readonly byte[] _hello13 = [4, 0, 0, 8, 0, 0, 0, 1];
    private static readonly byte[] _hello10 = [1, 0, 0, 8, 0, 0, 0, 1];

    private string _folder = null!;
    private TcpListener _listener = null!;

    [SetUp]
    public void Start()
    {
        _folder = Directory.CreateTempSubdirectory("ovsbridge-trouble-").FullName;
        _listener = new TcpListener(IPAddress.Loopback, 0);
        _listener.Start();
    }

    [TearDown]
    public void Stop()
    {
        _listener.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Target => $"tcp:127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    private static IEnumerable<TestCaseData> Peers()
    {
        yield return new TestCaseData(Encoding.ASCII.GetBytes("HTTP/1.1 400 Bad Request\r\n\r\n"), "").SetArgDisplayNames("another protocol");
        yield return new TestCaseData(Array.Empty<byte>(), "closed the connection").SetArgDisplayNames("nothing");
        yield return new TestCaseData(_hello10, "version negotiation failed").SetArgDisplayNames("OpenFlow 1.0");
        yield return new TestCaseData((byte[])[4, 2, 0, 8, 0, 0, 0, 1], "instead of HELLO").SetArgDisplayNames("an echo first");
        yield return new TestCaseData((byte[])[4, 0, 0, 4], "").SetArgDisplayNames("half a header");
        yield return new TestCaseData((byte[])[4, 1, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, (byte)'n', (byte)'o', (byte)'!', 0], "OFPHFC_INCOMPATIBLE").SetArgDisplayNames("a refusal");
        yield return new TestCaseData((byte[])[.. _hello13, 4, 6, 0, 12, 0, 0, 0, 2, 0, 0, 0, 0], "").SetArgDisplayNames("a reply that is cut");
        yield return new TestCaseData((byte[])[.. _hello13, 9, 6, 0, 8, 0, 0, 0, 2], "not OpenFlow").SetArgDisplayNames("garbage behind HELLO");
    }

    [TestCaseSource(nameof(Peers))]
    public async Task Strange_peer_is_one_line_and_status_1(byte[] sends, string says)
    {
        Task peer = Task.Run(async () =>
        {
            using TcpClient client = await _listener.AcceptTcpClientAsync();
            try
            {
                await client.GetStream().WriteAsync(sends);
                client.Client.Shutdown(SocketShutdown.Send);
                byte[] buffer = new byte[4096];
                while (await client.GetStream().ReadAsync(buffer) > 0)
                {
                }
            }
            catch (Exception gone) when (gone is IOException or SocketException or InvalidOperationException)
            {
                // It did not wait for more.
            }
        });
        CommandResult result = Ofctl("get-frags", Target);
        await peer.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
            Assert.That(result.Error, Does.StartWith("ovsbridge ofctl: ").And.Contain(says));
            Assert.That(result.Error, Does.Not.Contain("   at "), "no stack trace");
        });
    }

    [Test]
    public async Task Hanging_peer_is_given_up()
    {
        Task<TcpClient> accepted = _listener.AcceptTcpClientAsync();
        CommandResult result = Ofctl("-t", "1", "show", Target);
        using TcpClient client = await accepted;
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(128 + 14), "SIGALRM");
            Assert.That(result.Error, Does.Contain("Alarm clock"));
        });
    }

    [Test]
    public void Error_far_down_in_a_file_is_told_with_its_line_and_nothing_is_sent([Values] bool bundle)
    {
        string file = Path.Combine(_folder, "flows");
        File.WriteAllLines(file, [.. Enumerable.Range(0, 70_000).Select(i => $"priority={i % 60000},ip,nw_dst=10.{i >> 16}.{(byte)(i >> 8)}.{(byte)i},actions=output:1"), "in_port=1,actions=outptu:2"]);
        CommandResult result = Ofctl([.. bundle ? (string[])["--bundle"] : [], "add-flows", Target, file]);
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(1));
            Assert.That(result.Error, Does.Contain($"{file}:70001: \"outptu:2\" at column 19: unknown action outptu"));
            Assert.That(_listener.Pending(), Is.False, "nobody connected");
        });
    }

    [Test]
    public void Dead_socket_is_said_to_be_one()
    {
        string socket = Path.Combine(_folder, "br9.mgmt");
        using (Socket dead = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            dead.Bind(new UnixDomainSocketEndPoint(socket + "~"));
            File.Move(socket + "~", socket); // the runtime removes the file that it knows
        }

        CommandResult result = Ofctl("--rundir", _folder, "show", "br9");
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(1));
            Assert.That(result.Error, Is.EqualTo("ovsbridge ofctl: br9: failed to connect to socket (Connection refused)\n"));
        });
    }

    [TestCase("-O OpenFlow10 show br0", "-O OpenFlow10: only OpenFlow13 is spoken here")]
    [TestCase("--color=always dump-flows br0", "--color=always: there are no colors")]
    [TestCase("--color dump-flows br0", "--color=always: there are no colors")]
    [TestCase("--detach monitor br0", "--detach: this command runs in the foreground only")]
    [TestCase("--pidfile=x monitor br0", "--pidfile: this command runs in the foreground only")]
    [TestCase("ct-flush br0", "Nicira")]
    [TestCase("insert-buckets br0 group_id=1", "OpenFlow 1.5")]
    [TestCase("monitor br0 watch:", "flow monitors")]
    [TestCase("add-flow br0 in_port=1,actions=ct(commit)", "\"ct(commit)\" at column 19: the action ct is not supported")]
    public void What_is_not_there_is_refused_with_its_name(string line, string says)
    {
        CommandResult result = Ofctl(line.Split(' '));
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(1));
            Assert.That(result.Error, Does.Contain(says));
        });
    }

    // A busy machine may take long to read 70,000 lines.
    private static CommandResult Ofctl(params string[] arguments) => Command.Try(TimeSpan.FromMinutes(3), SwitchProcess.Program, ["ofctl", .. arguments]);
}
