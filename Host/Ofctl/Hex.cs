namespace OvsBridge.Host.Ofctl;

/// <summary>Bytes as hexadecimal digits.</summary>
internal static class Hex
{
    /// <summary>Reads pairs of digits, with blanks between them or without; null: that is not what the text is.</summary>
    public static byte[]? Parse(string text)
    {
        string digits = string.Concat(text.Where(c => !char.IsWhiteSpace(c) && c != '.' && c != ':'));
        if (digits.Length % 2 != 0 || !digits.All(char.IsAsciiHexDigit))
            return null;
        return Convert.FromHexString(digits);
    }
}
