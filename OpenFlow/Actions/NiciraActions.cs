using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Actions;

/// <summary>Actions of Open vSwitch's experimenter number, for what OpenFlow 1.3 can't say.</summary>
internal static class NiciraActions
{
    /// <summary>NX_VENDOR_ID.</summary>
    public const uint Experimenter = 0x00002320;

    private const ushort RegLoad2 = 33; // NXAST_REG_LOAD2

    /// <summary>Reads what follows the experimenter number.</summary>
    /// <returns>Null when the subtype is not one of ours; nothing was read then.</returns>
    public static OfAction? TryRead(ref WireReader reader)
    {
        WireReader body = reader;
        if (body.Remaining < 2 || body.U16() != RegLoad2)
            return null;

        // subtype, then at once one OXM field, padding to 8
        reader.Skip(2);
        (Field field, UInt128 value, UInt128 mask) = MatchCodec.ReadSetField(ref reader, maskAllowed: true);
        ActionTable.SkipPadding(ref reader, OfError.BadActionBadSetLen);
        return new SetFieldAction(field, value, mask);
    }

    /// <summary>Writes a masked set_field: experimenter number and what follows.</summary>
    public static void WriteRegLoad2(ref WireWriter writer, SetFieldAction action)
    {
        writer.U32(Experimenter);
        writer.U16(RegLoad2);
        MatchCodec.WriteField(ref writer, action.Field, action.Value, action.Mask);
    }
}
