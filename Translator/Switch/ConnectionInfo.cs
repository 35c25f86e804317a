using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Translator.Switch;

/// <summary>A connection, for who looks on.</summary>
/// <param name="Connection">The connection.</param>
/// <param name="Role">Role in force.</param>
/// <param name="PacketIns">packet_ins given to it.</param>
/// <param name="PacketInsLimited">packet_ins that the rate limit has held back from its controller.</param>
public sealed record ConnectionInfo(IOfConnection Connection, ControllerRole Role, long PacketIns, long PacketInsLimited)
{
    internal static ConnectionInfo Of(Controller controller) =>
        new(controller.Connection, controller.Role, controller.PacketIns, controller.Main == controller ? controller.Limiter.Refused : 0);
}
