using OvsBridge.Datapath.Memory;
using OvsBridge.Datapath.Tests.Contract;

namespace OvsBridge.Datapath.Tests;

/// <summary>The contract, for <see cref="InMemoryDatapath"/> with upcalls on its own thread.</summary>
[TestFixture]
public sealed class InMemoryDatapathContractTests : DatapathContract
{
    private readonly Dictionary<uint, List<byte[]>> _sent = [];

    private InMemoryDatapath Memory => (InMemoryDatapath)Datapath;

    protected override IDatapath CreateDatapath()
    {
        _sent.Clear();
        InMemoryDatapath datapath = new();
        datapath.Transmitted += (port, frame) =>
        {
            lock (_sent)
            {
                if (!_sent.TryGetValue(port, out List<byte[]>? frames))
                {
                    _sent.Add(port, frames = []);
                }

                frames.Add(frame.ToArray());
            }
        };
        return datapath;
    }

    protected override DpPort CreateInterface(uint number) => new(number, $"port{number}", (int)number + 100);

    protected override void Inject(uint port, ReadOnlySpan<byte> frame) => Memory.Receive(port, frame);

    protected override void Settle() => Memory.WaitForUpcalls();

    protected override IReadOnlyList<byte[]> TakeSent(uint port)
    {
        lock (_sent)
        {
            return _sent.Remove(port, out List<byte[]>? frames) ? frames : [];
        }
    }
}
