using System.Globalization;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.OpenFlow.Text;

public static partial class FlowSyntax
{
    /// <summary>Reads a packet_out: <c>in_port=1 packet=0200... actions=output:2</c>; without in_port it comes from the controller.</summary>
    /// <param name="text">Its words, the actions last.</param>
    /// <param name="ports">Looks up names of ports, or null.</param>
    /// <exception cref="FlowSyntaxException">The text is wrong.</exception>
    public static PacketOut ParsePacketOut(string text, PortNames? ports = null)
    {
        uint inPort = OfPorts.Controller;
        byte[]? packet = null;
        ValueList<OfAction>? actions = null;
        WordReader words = new(text);
        while (actions is null && words.Read(out Word word))
        {
            switch (word.Key)
            {
                case "in_port":
                    if (!PortNames.TryParse(word.Need("in_port=PORT"), ports, out inPort))
                        throw word.Error($"{word.Value} is not a port");
                    break;
                case "packet":
                    packet = Bytes(word);
                    break;
                case "actions" or "action" when word.Delimiter == '=':
                    try
                    {
                        actions = ActionText.Parse(text[word.ValuePosition..], ports);
                    }
                    catch (FlowSyntaxException inner)
                    {
                        throw inner.At(word.ValuePosition);
                    }

                    break;
                case "packet_type":
                    throw word.Error("packet_type is none of OpenFlow 1.3");
                default:
                    throw word.Error($"unknown keyword {word.Key}");
            }
        }

        return new PacketOut(
            FlowMod.NoBuffer,
            inPort,
            actions ?? throw Whole(text, "needs actions="),
            packet ?? throw Whole(text, "needs packet="));
    }

    private static byte[] Bytes(in Word word)
    {
        string digits = word.Need("packet=HEX");
        if (digits.Length % 2 != 0)
            throw word.Error("the packet is an even number of hexadecimal digits");
        byte[] bytes = new byte[digits.Length / 2];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (!byte.TryParse(digits.AsSpan(2 * i, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bytes[i]))
                throw word.Error($"{digits.AsSpan(2 * i, 2)} are not two hexadecimal digits");
        }

        return bytes;
    }
}
