using OvsBridge.OpenFlow.Errors;

namespace OvsBridge.OpenFlow.Text;

/// <summary>What Open vSwitch's tools call errors: OFP and the specification's name, but for a few that it named before or after.</summary>
public static class ErrorNames
{
    private static readonly Dictionary<OfError, string> _other = new()
    {
        [OfError.BadRequestBadMultipart] = "OFPBRC_BAD_STAT",
        [OfError.BadRequestBadExperimenter] = "OFPBRC_BAD_VENDOR",
        [OfError.BadRequestBadExpType] = "OFPBRC_BAD_SUBTYPE",
        [OfError.BadRequestIsSlave] = "OFPBRC_IS_SECONDARY",
        [OfError.BadActionBadExperimenter] = "OFPBAC_BAD_VENDOR",
        [OfError.BadActionBadExpType] = "OFPBAC_BAD_VENDOR_TYPE",
        [OfError.TableFeaturesFailedBadType] = "OFPBPC_BAD_TYPE",
        [OfError.TableFeaturesFailedBadLen] = "OFPBPC_BAD_LEN",
        [OfError.TableFeaturesFailedBadArgument] = "OFPBPC_BAD_VALUE",
    };

    /// <summary>The name of <paramref name="error"/>.</summary>
    public static string Print(OfError error) => _other.GetValueOrDefault(error) ?? "OFP" + error.Name;

    /// <summary>The error of this name, in Open vSwitch's words or the specification's, or null.</summary>
    public static OfError? Find(string name)
    {
        foreach (OfError error in OfError.All)
        {
            if (Print(error) == name || "OFP" + error.Name == name)
                return error;
        }

        return null;
    }
}
