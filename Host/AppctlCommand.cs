using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using OvsBridge.Host.Options;
using OvsBridge.Host.Unixctl;

namespace OvsBridge.Host;

/// <summary><c>ovsbridge appctl</c>: what ovs-appctl does.</summary>
internal static class AppctlCommand
{
    private const int Failed = 1, Refused = 2;

    /// <summary>Runs it.</summary>
    /// <param name="program">Name in messages.</param>
    /// <param name="arguments">What follows the name.</param>
    /// <returns>Exit status: 2 when the daemon refuses the command, 1 when it can't be asked.</returns>
    public static int Run(string program, ReadOnlySpan<string> arguments)
    {
        string target = PidFile.DaemonName;
        string? runDirectory = null;
        TimeSpan timeout = Timeout.InfiniteTimeSpan;
        bool json = false, pretty = false;
        while (!arguments.IsEmpty && arguments[0].StartsWith('-'))
        {
            string option = arguments[0];
            arguments = arguments[1..];
            string? value = null;
            if (option.StartsWith("--", StringComparison.Ordinal) && option.IndexOf('=', StringComparison.Ordinal) is > 0 and int equals)
                (option, value) = (option[..equals], option[(equals + 1)..]);
            else if (option is ['-', not '-', _, ..])
                (option, value) = (option[..2], option[2..]);
            switch (option)
            {
                case "--":
                    goto Parsed;
                case "-h" or "--help":
                    PrintHelp(program);
                    return 0;
                case "-V" or "--version":
                    Console.WriteLine($"{program} ({VersionText.Product}) {VersionText.Version}");
                    return 0;
                case "--pretty" when value is null:
                    pretty = true;
                    break;
                case "-t" or "--target" or "-T" or "--timeout" or "--rundir" or "-f" or "--format":
                    if (value is null)
                    {
                        if (arguments.IsEmpty)
                            return Fail(program, $"option '{option}' requires an argument");
                        value = arguments[0];
                        arguments = arguments[1..];
                    }

                    if (option is "--rundir")
                        runDirectory = value;
                    else if (option is "-t" or "--target")
                        target = value;
                    else if (option is "-f" or "--format")
                    {
                        if (value is not ("json" or "text"))
                            return Fail(program, $"value {value} on -f or --format is invalid");
                        json = value == "json";
                    }
                    else if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds > 0)
                        timeout = TimeSpan.FromSeconds(seconds);
                    else
                        return Fail(program, $"value {value} on -T or --timeout is invalid");
                    break;
                default:
                    return Fail(program, $"unrecognized option '{option}'");
            }
        }

    Parsed:
        if (arguments.IsEmpty)
            return Fail(program, "at least one non-option argument is required (use --help for help)");
        Output output = new(json, pretty);
        return AskAsync(program, target, SwitchOptions.RunDirectoryFrom(runDirectory), timeout, output, arguments[0], [.. arguments[1..]]).GetAwaiter().GetResult();
    }

    private static async Task<int> AskAsync(
        string program, string target, string runDirectory, TimeSpan timeout, Output output, string command, string[] parameters)
    {
        using var stop = new CancellationTokenSource(timeout);
        try
        {
            string socket = UnixctlClient.SocketOf(target, runDirectory);
            using UnixctlClient client = await UnixctlClient.ConnectAsync(socket, stop.Token);
            if (output.Json)
                await client.WantJsonAsync(stop.Token);
            // What watches without end is asked again and again, until somebody ends us.
            bool goesOn = command == "monitor/packets" && !parameters.Any(word => word.Split('=')[0] == "--count");
            JsonElement answer;
            bool failed;
            do
            {
                (answer, failed) = await client.AskAsync(command, parameters, stop.Token);
                if (!failed)
                    await Console.Out.WriteAsync(output.Of(answer));
            }
            while (goesOn && !failed);

            if (!failed)
                return 0;

            await Console.Error.WriteAsync(answer.ToString());
            await Console.Error.WriteLineAsync($"{program}: {target}: server returned an error");
            return Refused;
        }
        catch (IOException exception)
        {
            return Fail(program, exception.Message);
        }
        catch (OperationCanceledException)
        {
            return Fail(program, $"no answer within {timeout.TotalSeconds:0} s");
        }
    }

    /// <summary>How answers are printed.</summary>
    private sealed record Output(bool Json, bool Pretty)
    {
        public string Of(JsonElement answer) => !Json && answer.ValueKind == JsonValueKind.String
            ? answer.GetString()!
            : Pretty ? Indented(answer) + "\n" : answer.GetRawText() + "\n";

        private static string Indented(JsonElement answer)
        {
            var bytes = new ArrayBufferWriter<byte>();
            using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
                answer.WriteTo(writer);
            return Encoding.UTF8.GetString(bytes.WrittenSpan);
        }
    }

    private static int Fail(string program, string message)
    {
        Console.Error.WriteLine($"{program}: {message}");
        return Failed;
    }

    private static void PrintHelp(string program) => Console.WriteLine(
        $"""
        {program}: asks a running daemon, or tells it something
        usage: {program} [OPTION...] COMMAND [ARG...]
        Options:
          -t, --target=TARGET   name of a daemon (default {PidFile.DaemonName}), or file name of its socket
              --rundir=DIR      where the daemon's pid file is (default $OVS_RUNDIR, else /var/run/openvswitch)
          -T, --timeout=SECS    wait no longer than this
          -f, --format=FORMAT   of answers: text (default) or json
              --pretty          JSON with indentation
          -h, --help            this help
          -V, --version         the version
        Commands: 'list-commands' asks the daemon which there are. 'monitor/packets' without --count goes on until it is interrupted.
        """);
}
